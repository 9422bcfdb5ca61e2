/* Requests as a server reads them: any split gives the same, and every head that passes is what the rest of the code relies on. */
#include "fuzz_http.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_however_split(bytes_make(data, size), false, false);
    return 0;
}
