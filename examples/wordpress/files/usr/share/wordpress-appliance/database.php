<?php
/* Makes the embedded database, and lets Apache's user in by the socket. Says
   what must be there; says it again at every start. Runs as root, whom the
   database knows by the socket as well. */
if (getenv('DATABASE') !== 'embedded') {
    exit(0);
}
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli('localhost', 'root', '', '', 0, '/run/mysqld/mysqld.sock');
$db->query('CREATE DATABASE IF NOT EXISTS wordpress');
$db->query("CREATE USER IF NOT EXISTS 'www-data'@'localhost' IDENTIFIED VIA unix_socket");
$db->query("GRANT ALL ON wordpress.* TO 'www-data'@'localhost'");
