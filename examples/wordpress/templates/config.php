<?php
{{ if eq .settings.database "external" -}}
define('DB_NAME', {{ php .settings.database_name }});
define('DB_USER', {{ php .settings.database_user }});
define('DB_PASSWORD', {{ php .settings.database_password }});
define('DB_HOST', {{ php .settings.database_host }});
{{ else -}}
/* Apache's user is let into the database by the socket: there is no password
   to leak. */
define('DB_NAME', 'wordpress');
define('DB_USER', 'www-data');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:/run/mysqld/mysqld.sock');
{{ end -}}
{{ with .proxy -}}
define('WP_PROXY_HOST', parse_url({{ php . }}, PHP_URL_HOST));
define('WP_PROXY_PORT', parse_url({{ php . }}, PHP_URL_PORT));
define('WP_PROXY_USERNAME', rawurldecode((string) parse_url({{ php . }}, PHP_URL_USER)));
define('WP_PROXY_PASSWORD', rawurldecode((string) parse_url({{ php . }}, PHP_URL_PASS)));
{{ end -}}
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
/* Any name or address that the appliance is reached by is right. WordPress
   keeps its secret keys in the database. */
$scheme = empty($_SERVER['HTTPS']) ? 'http' : 'https';
define('WP_HOME', $scheme . '://' . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', $scheme . '://' . $_SERVER['HTTP_HOST']);
/* Plugins and themes are installed into the data disk; the core is not. */
define('DISALLOW_FILE_EDIT', true);
define('WP_HTTP_BLOCK_EXTERNAL', false);
