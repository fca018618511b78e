#include "connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <R_ext/Connections.h>
#include <R_ext/Print.h>

#if !defined(R_CONNECTIONS_VERSION) || R_CONNECTIONS_VERSION != 1
#error "rustle knows version 1 of R's connections only"
#endif

// Long enough for nearly every line; longer output is formatted on the heap.
#define LINE 1024

static int output_vfprintf(struct Rconn *con, const char *format, va_list args) {
    char line[LINE];
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(line, sizeof line, format, args);
    if (len >= 0 && (size_t)len < sizeof line) {
        rustle_output(line, (size_t)len);
    } else if (len >= 0) {
        size_t size = (size_t)len + 1;
        char *text = malloc(size);
        if (text == NULL) {
            len = -1;
        } else {
            vsnprintf(text, size, format, again);
            rustle_output(text, (size_t)len);
            free(text);
        }
    }
    va_end(again);
    return len;
}

static size_t output_write(const void *bytes, size_t size, size_t n,
                           struct Rconn *con) {
    rustle_output(bytes, size * n);
    return n;
}

static int output_fflush(struct Rconn *con) { return 0; }

SEXP rustle_output_connection(void) {
    Rconnection con;
    SEXP handle =
        R_new_custom_connection("output of a task", "w", "rustle_output", &con);
    con->text = TRUE;
    con->isopen = TRUE;
    con->canread = FALSE;
    con->canwrite = TRUE;
    con->canseek = FALSE;
    con->blocking = TRUE;
    con->vfprintf = output_vfprintf;
    con->write = output_write;
    con->fflush = output_fflush;
    return handle;
}

// Prints nothing: reaches output_vfprintf() where a connection of ours takes the output.
void rustle_print_nothing(void) { Rprintf("%s", ""); }
