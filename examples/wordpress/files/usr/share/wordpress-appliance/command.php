<?php
/* What WordPress takes to be a command that fails when it does not come to its
   end: it ends with 0 when the database does not answer. Set $done at the end. */
$done = false;
ob_start(function ($page) { // what WordPress says to browsers, for the journal
    return trim(preg_replace('/\s+/', ' ', strip_tags(preg_replace('~<(style|title).*?</\\1>~s', '', $page)))) . "\n";
});
register_shutdown_function(function () use (&$done) {
    if (!$done) {
        exit(1);
    }
});
$_SERVER['HTTP_HOST'] = 'localhost';
$_SERVER['REQUEST_METHOD'] = 'GET';
$_SERVER['REQUEST_URI'] = '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
