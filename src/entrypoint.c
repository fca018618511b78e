// R loads the package through R_init_rustle(). As this file refers to
// R_init_rustle_extendr(), the linker keeps the Rust library, from which
// nothing else would be pulled in.

#include <Rinternals.h>
#include <R_ext/Rdynload.h>
#include <R_ext/Utils.h>

void register_extendr_panic_hook(void);
void R_init_rustle_extendr(void *dll);
void rustle_register_classes(void *dll);

// Raises R's interrupt condition (or a time limit's error) when one is
// pending: jumps over the caller, who must own nothing. Registered by Rust.
SEXP rustle_check_interrupt(void) {
    R_CheckUserInterrupt();
    return R_NilValue;
}

// Has the object one reference? Macros of R, which differ between its versions.
int rustle_has_one_reference(SEXP x) {
    return MAYBE_REFERENCED(x) && !MAYBE_SHARED(x);
}

void R_init_rustle(DllInfo *dll) {
    register_extendr_panic_hook();
    R_init_rustle_extendr(dll);
    rustle_register_classes(dll);
}
