// Sums as R has them: in the long double of the compiler that R was built with, which is
// that of the R that installs this package. Called on any thread: nothing here knows R's
// objects, allocates or jumps.

#include <math.h>
#include <stddef.h>
#include <stdint.h>

static long double total(const double *x, size_t n) {
    long double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

// The mean, and once more the mean of what is left: good to the last bit nearly always.
static long double centre(const double *x, size_t n) {
    long double first = total(x, n) / n, rest = 0;
    for (size_t i = 0; i < n; i++) rest += x[i] - first;
    return first + rest / n;
}

double rustle_wide_sum(const double *x, size_t n) { return (double)total(x, n); }

double rustle_wide_mean(const double *x, size_t n) { return (double)centre(x, n); }

double rustle_wide_mean_once(const double *x, size_t n) {
    return (double)(total(x, n) / n);
}

double rustle_wide_ratio(int64_t sum, size_t n) {
    return (double)((long double)sum / n);
}

// The sum of products of what x and y are above their means, over n - 1.
static long double products(const double *x, long double mean_x, const double *y,
                            long double mean_y, size_t n) {
    long double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - mean_x) * (y[i] - mean_y);
    return sum / (n - 1);
}

double rustle_wide_var(const double *x, size_t n) {
    double mean = (double)centre(x, n);
    return (double)products(x, mean, x, mean, n);
}

double rustle_wide_var_around(const double *x, size_t n, double mean) {
    return (double)products(x, mean, x, mean, n);
}

double rustle_wide_cor(const double *x, const double *y, size_t n) {
    double mean_x = (double)centre(x, n), mean_y = (double)centre(y, n);
    double sd_x = (double)sqrtl(products(x, mean_x, x, mean_x, n));
    double sd_y = (double)sqrtl(products(y, mean_y, y, mean_y, n));
    if (sd_x == 0 || sd_y == 0) return NAN;
    double cov = (double)products(x, mean_x, y, mean_y, n);
    double cor = cov / (sd_x * sd_y);
    return cor > 1 ? 1 : cor < -1 ? -1 : cor;
}

double rustle_wide_cov(const double *x, const double *y, size_t n) {
    double mean_x = (double)centre(x, n), mean_y = (double)centre(y, n);
    return (double)products(x, mean_x, y, mean_y, n);
}

double rustle_wide_prod(const double *x, size_t n) {
    long double product = 1;
    for (size_t i = 0; i < n; i++) product *= x[i];
    return (double)product;
}

void rustle_wide_cumsum(const double *x, size_t n, double *to) {
    long double sum = 0;
    for (size_t i = 0; i < n; i++) to[i] = (double)(sum += x[i]);
}

void rustle_wide_cumprod(const double *x, size_t n, double *to) {
    long double product = 1;
    for (size_t i = 0; i < n; i++) to[i] = (double)(product *= x[i]);
}

// Column after column, some rows at a time.
void rustle_wide_rows(const double *x, size_t nrow, size_t ncol, int mean, double *to) {
    enum { ROWS = 64 };
    long double sums[ROWS];
    for (size_t from = 0; from < nrow; from += ROWS) {
        size_t rows = nrow - from < ROWS ? nrow - from : ROWS;
        for (size_t i = 0; i < rows; i++) sums[i] = 0;
        for (size_t j = 0; j < ncol; j++)
            for (size_t i = 0; i < rows; i++) sums[i] += x[j * nrow + from + i];
        for (size_t i = 0; i < rows; i++)
            to[from + i] = (double)(mean ? sums[i] / ncol : sums[i]);
    }
}

// x and y are finite, y is not 0, and x / y is small enough to have a fraction. The floor of
// the rounded quotient may be one off, which the second step mends.
double rustle_wide_modulo(double x, double y) {
    long double rest = x - (long double)floor(x / y) * y;
    return (double)(rest - floorl(rest / y) * y);
}

double rustle_wide_int_div(double x, double y) {
    double quotient = x / y, whole = floor(quotient);
    if (fabs(quotient) < 1) return (x < 0 && y > 0) || (x > 0 && y < 0) ? -1 : 0;
    long double rest = x - (long double)whole * y;
    return (double)(whole + floorl(rest / y));
}
