/*
 * A URI and a template, any bytes, with a zero between: what is in the one spelling stays so and holds nothing that leads elsewhere, and what a
 * template can give it can also begin. Links: base, estate (uri.c).
 */
#include <stdlib.h>

#include "estate/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static void
check_spelling(struct bytes uri)
{
    static const char *const never[] = {"%2E", "%2e", "%00", "%5C", "\\", "#", " ", "{", "%25252", "%C0"}, *const dots[] = {"/../", "/./"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        REQUIRE(bytes_search(uri, bytes_str(never[i])) == uri.n);
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++)
        REQUIRE(bytes_search(bytes_sub(uri, 0, bytes_find(uri, '?')), bytes_str(dots[i])) ==
                (uri.n < bytes_find(uri, '?') ? uri.n : bytes_find(uri, '?')));
    for (size_t i = 0; i < uri.n; i++)
        REQUIRE(uri.at[i] > 0x20 && uri.at[i] < 0x7f);
}

static void
check_template(struct bytes template, struct bytes uri)
{
    size_t work = URI_WORK, again = URI_WORK;
    bool fits = uri_template_fits(template, uri, &work);
    REQUIRE(fits == uri_template_fits(template, uri, &again) && work == again);
    for (size_t n = 0; fits && n <= uri.n && n < 64; n++)
        REQUIRE(uri_template_begins(template, bytes_sub(uri, 0, n)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_make(data, size), uri = bytes_split(&rest, 0);
    size_t work = URI_WORK;
    if (uri.n > URI_MAX || uri_fault(uri))
        return 0;
    check_spelling(uri);
    REQUIRE(uri.n > NAME_MAX_OTHER || uri_template_fits(uri, uri, &work));
    REQUIRE(uri_template_fits(BYTES("{+x}"), uri, &work) == !uri_has_slash_encoded(uri));
    if (rest.n && rest.n <= NAME_MAX_OTHER)
        check_template(rest, uri);
    return 0;
}
