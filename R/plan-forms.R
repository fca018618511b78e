# The forms of a strategy that future's plan() takes, beyond functions, strings and lists.

# A list of the strategy and its arguments, when `code`, a strategy as it was written in a
# call from `envir`, calls it, as in plan(multisession(workers = 2)). That must not be
# evaluated: it would be a future. NULL when it is something else.
called_strategy <- function(code, envir) {
  if (!is.call(code)) return(NULL)
  head <- code[[1L]]
  named <- is.symbol(head) || (is.call(head) && as.character(head[[1L]]) %in% c("::", ":::"))
  strategy <- if (named) tryCatch(eval(head, envir), error = function(e) NULL)
  if (!is.function(strategy) || !inherits(strategy, "future")) return(NULL)
  c(list(strategy), lapply(as.list(code)[-1L], eval, envir))
}

# future's own arguments of plan(), checked. `.call` is only what future would print.
check_future_flags <- function(substitute, .skip, .cleanup, .init, call = sys.call(-1L)) {
  check_flag(substitute, "substitute", call = call)
  check_flag(.skip, ".skip", call = call)
  check_flag(.cleanup, ".cleanup", call = call)
  check_flag(.init, ".init", na = TRUE, call = call)
}

# Workers on other hosts are started by the first job, and ssh takes minutes to give up. So
# a host name for which ssh would find no address is refused here, early. Names that only
# ssh can resolve (aliases, proxies) are accepted.
check_hosts <- function(hosts, call, options = list()) {
  if (anyNA(hosts) || !all(nzchar(hosts)) || !length(hosts)) {
    stop_argument("workers", "names of hosts", hosts, call)
  }
  if (!uses_ssh(options)) return()
  for (host in setdiff(hosts, c("localhost", "127.0.0.1", "::1", Sys.info()[["nodename"]], allocated_hosts()))) {
    config <- ssh_config(host, options[["rshopts"]])
    through <- config[c("proxyjump", "proxycommand")]
    if (is.na(config["hostname"]) || any(!is.na(through) & through != "none")) next
    if (!has_address(config[["hostname"]])) {
      was <- sprintf("\"%s\", for which no address is known", host)
      stop_argument("workers", "names of hosts that can be found", host, call, was = was)
    }
  }
}

# The settings of ssh for a host, by name; none where ssh does not tell. Without ssh a host
# has the name that was given. options: further arguments of ssh.
ssh_config <- function(host, options = character()) {
  if (!nzchar(Sys.which("ssh"))) return(c(hostname = host))
  lines <- tryCatch(
    suppressWarnings(system2("ssh", c(shQuote(options), "-G", "--", shQuote(host)), stdout = TRUE, stderr = FALSE, timeout = 5)),
    error = function(e) character()
  )
  if (!is.null(attr(lines, "status"))) lines <- character()
  words <- regmatches(lines, regexpr(" ", lines), invert = TRUE)
  words <- words[lengths(words) == 2L]
  stats::setNames(vapply(words, `[[`, "", 2L), vapply(words, `[[`, "", 1L))
}

# Has the host an address? Also TRUE where we have no way to find out.
has_address <- function(name) {
  if (.Platform$OS.type == "windows" || !is.null(suppressWarnings(utils::nsl(name)))) return(TRUE)
  # nsl() knows addresses of version 4 only.
  if (!nzchar(Sys.which("getent"))) return(TRUE)
  found <- suppressWarnings(system2("getent", c("ahosts", shQuote(name)), stdout = TRUE, stderr = FALSE, timeout = 5))
  is.null(attr(found, "status"))
}
