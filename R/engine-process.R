# What this process is: the session, or one that was forked from it.

# Are we in a forked process, ours or anybody's?
is_worker <- function() Sys.getpid() != state$pid
