/* Responses as a client reads them; the first byte says whether they answer a HEAD. */
#include "fuzz_http.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size)
        same_however_split(bytes_make(data + 1, size - 1), true, data[0] & 1);
    return 0;
}
