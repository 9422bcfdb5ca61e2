/*
 * The texts of ip, decimal, datetime and duration, against other readers of the same forms: inet_pton, timegm, and printing again.
 */
#include "cedar/ext.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static void
check_ip(struct cedar_str s, const char *text, struct text *why)
{
    uint8_t address[16];
    struct value_ip ip;
    bool ok = ext_parse_ip(s, &ip, why);
    if (ok) {
        CHECK(ip.bits <= (ip.v6 ? 128 : 32) && ext_ip_in_range(&ip, &ip));
        struct value_ip all = {.v6 = ip.v6};
        CHECK(ext_ip_in_range(&ip, &all));
    }
    if (strlen(text) != s.n || strchr(text, '/') || s.n > 43)
        return;
    bool v4 = inet_pton(AF_INET, text, address) == 1;
    bool v6 = !v4 && strchr(text, '.') == NULL && inet_pton(AF_INET6, text, address) == 1;
    CHECK(ok == (v4 || v6));
    CHECK(!ok || (ip.v6 == v6 && memcmp(ip.at, address, v4 ? 4 : 16) == 0));
}

static void
check_decimal(struct cedar_str s, struct text *why)
{
    int64_t v, again;
    char printed[64];
    if (!ext_parse_decimal(s, &v, why))
        return;
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    snprintf(printed, sizeof printed, "%s%llu.%04llu", v < 0 ? "-" : "", (unsigned long long)(size / 10000), (unsigned long long)(size % 10000));
    CHECK(ext_parse_decimal(str_of(printed), &again, why) && again == v);
}

static void
check_datetime(struct cedar_str s, struct text *why)
{
    int64_t ms;
    struct tm tm = {0};
    if (!ext_parse_datetime(s, &ms, why) || s.n != 10)
        return;
    char text[11] = {0};
    memcpy(text, s.at, 10);
    CHECK(sscanf(text, "%d-%d-%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) == 3);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    CHECK((int64_t)timegm(&tm) * 1000 == ms);
}

static void
check_duration(struct cedar_str s, struct text *why)
{
    int64_t ms, again;
    char printed[32];
    if (!ext_parse_duration(s, &ms, why))
        return;
    snprintf(printed, sizeof printed, "%lldms", (long long)ms);
    CHECK(ext_parse_duration(str_of(printed), &again, why) && again == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault f;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    struct cedar_str s = {text, size};
    fault_reset(&f);
    check_ip(s, text, &f.text);
    fault_reset(&f);
    check_decimal(s, &f.text);
    fault_reset(&f);
    check_datetime(s, &f.text);
    fault_reset(&f);
    check_duration(s, &f.text);
    free(text);
    return 0;
}
