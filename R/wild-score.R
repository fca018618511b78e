score_test <- function(model, null, asked, name, call) stop("todo")
