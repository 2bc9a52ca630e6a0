<?php
/* Takes an installation away that was cut off, so that it is made anew:
   WordPress takes the half of one for a whole one, or for a broken one. Nobody
   has seen that site yet. */
require __DIR__ . '/command.php';
define('SHORTINIT', true);
require '/usr/share/wordpress/wp-load.php';
$mark = $wpdb->prefix . 'ingot_installing';
if ($wpdb->get_var("SHOW TABLES LIKE '" . $wpdb->esc_like($mark) . "'") === $mark) {
    $tables = implode(', ', $wpdb->tables());
    if (!$wpdb->query("DROP TABLE IF EXISTS $tables") || !$wpdb->query("DROP TABLE $mark")) {
        exit(1);
    }
    echo "the installation was cut off, and begins anew\n";
}
$done = true;
