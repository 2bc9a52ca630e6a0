<?php
/* Tries the external database with settings that are not in force yet. What
   it says is told to the administrator. */
if (getenv('DATABASE') !== 'external') {
    exit(0);
}
mysqli_report(MYSQLI_REPORT_OFF);
$db = mysqli_init();
$db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
if (!@$db->real_connect(getenv('DATABASE_HOST'), getenv('DATABASE_USER'), getenv('DATABASE_PASSWORD'), getenv('DATABASE_NAME'))) {
    echo 'The database does not let us in: ', mysqli_connect_error(), "\n";
    exit(1);
}
if (!$db->query('CREATE TEMPORARY TABLE ingot_check (n INT)')) {
    echo 'The user may not make tables in the database: ', $db->error, "\n";
    exit(1);
}
