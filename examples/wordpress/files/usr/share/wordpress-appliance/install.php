<?php
/* Installs WordPress with the settings' title and administrator, when it is
   not installed yet, and lets the title follow the setting: when that changed,
   not when somebody changed the title in WordPress. A table marks that an
   installation is under way: see undo.php. */
require __DIR__ . '/command.php';
define('WP_INSTALLING', true);
require '/usr/share/wordpress/wp-load.php';

/* The administrator knows; and there may be no mail. */
function wp_new_blog_notification($title, $url, $user, $password)
{
}

require ABSPATH . 'wp-admin/includes/upgrade.php';

$title = getenv('SITE_TITLE');
if (!is_blog_installed()) {
    $mark = $wpdb->prefix . 'ingot_installing';
    if ($wpdb->query("CREATE TABLE $mark (n INT)") === false) {
        exit(1);
    }
    $result = wp_install($title, getenv('ADMIN_USER'), getenv('ADMIN_EMAIL'), true, '', wp_slash(getenv('ADMIN_PASSWORD')));
    if (is_wp_error($result) || empty($result['user_id']) || is_wp_error($result['user_id'])) {
        fwrite(STDERR, "WordPress could not be installed\n");
        exit(1);
    }
    update_option('ingot_site_title', $title);
    $wpdb->query("DROP TABLE $mark");
    echo "WordPress was installed\n";
} elseif (get_option('ingot_site_title') !== $title) {
    update_option('blogname', $title);
    update_option('ingot_site_title', $title);
    echo "the title of the site follows the settings\n";
}
$done = true;
