<?php
/* Answers "ok" when PHP runs and WordPress is there in its database. Loads no
   more of WordPress than the connection to it: this is asked every few seconds. */
define('SHORTINIT', true);
require '/usr/share/wordpress/wp-load.php'; // ends with 500 when the database lets nobody in
if (!$wpdb->get_var("SELECT COUNT(*) FROM $wpdb->users")) {
    http_response_code(503);
    exit("WordPress is not installed\n");
}
echo "ok\n";
