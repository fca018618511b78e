#ifndef RUSTLE_CONNECTION_H
#define RUSTLE_CONNECTION_H

#include <stddef.h>
#include <Rinternals.h>

// A text connection for sink(): open, write only, of class "rustle_output".
// Every byte written to it goes to rustle_output() at once.
SEXP rustle_output_connection(void);

// Prints the empty string, which rustle_output() is told if it is told of output at all.
void rustle_print_nothing(void);

// Defined in Rust. Takes a copy of the bytes and must not raise an R error.
void rustle_output(const char *bytes, size_t len);

#endif
