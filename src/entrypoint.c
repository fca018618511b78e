// R loads the package through R_init_rustle(). As this file refers to
// R_init_rustle_extendr(), the linker keeps the Rust library, from which
// nothing else would be pulled in.

#include <Rinternals.h>
#include <R_ext/Rdynload.h>
#include <R_ext/Utils.h>
#include <Rversion.h>

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

// What a name is bound to in one frame, and nothing is evaluated for that. NULL: it is not bound there;
// R_MissingArg: that cannot be told so (an active binding, an argument that has no value yet).
SEXP rustle_bound(SEXP name, SEXP rho) {
#if R_VERSION >= R_Version(4, 6, 0)
    switch (R_GetBindingType(name, rho)) {
    case R_BindingTypeUnbound: return NULL;
    case R_BindingTypeValue:
    case R_BindingTypeForced: return R_getVarEx(name, rho, FALSE, R_MissingArg);
    default: return R_MissingArg;
    }
#else
    if (!R_existsVarInFrame(rho, name)) return NULL;
    if (R_BindingIsActive(name, rho)) return R_MissingArg;
#if R_VERSION >= R_Version(4, 5, 0)
    // R 4.5 does not say whether something has its value yet; R/compiled-again.R asks for nothing there.
    return R_MissingArg;
#else
    SEXP value = Rf_findVarInFrame3(rho, name, TRUE);
    if (TYPEOF(value) == PROMSXP) value = PRVALUE(value);
    return value == R_UnboundValue ? R_MissingArg : value;
#endif
#endif
}

// Does rustle_bound() say R_MissingArg only where something would have to be evaluated?
int rustle_tells_waiting(void) {
    return R_VERSION < R_Version(4, 5, 0) || R_VERSION >= R_Version(4, 6, 0);
}

void R_init_rustle(DllInfo *dll) {
    register_extendr_panic_hook();
    R_init_rustle_extendr(dll);
    rustle_register_classes(dll);
}
