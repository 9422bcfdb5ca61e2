#include "limits/limits.h"

#include <stdio.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7); the obsolete forms are not taken. */
static bool
read_date(struct bytes t, int64_t *ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", shape[] = "Www, 00 Www 0000 00:00:00 GMT";
    char full[32];
    if (t.n != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        bool digit = t.at[i] >= '0' && t.at[i] <= '9', letter = ((t.at[i] | 32) >= 'a' && (t.at[i] | 32) <= 'z');
        bool word = shape[i] == 'W' || shape[i] == 'w';
        if (shape[i] == '0' ? !digit : word ? !letter : t.at[i] != (uint8_t)shape[i])
            return false;
    }
    for (int m = 0; m < 12; m++)
        if (memcmp(t.at + 8, months + 3 * m, 3) == 0) {
            snprintf(full, sizeof full, "%.4s-%02d-%.2sT%.8sZ", (const char *)t.at + 12, m + 1, (const char *)t.at + 5, (const char *)t.at + 17);
            return env_time_parse(bytes_str(full), ms);
        }
    return false;
}

bool
retry_after_read(struct bytes text, int64_t now_ms, uint64_t *ms)
{
    uint64_t seconds;
    int64_t then;
    struct bytes t = bytes_trim(text);
    if (t.n && t.n <= 20 && bytes_u64(t, &seconds)) {
        *ms = seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;
        return true;
    }
    if (!read_date(t, &then))
        return false;
    *ms = then > now_ms ? (uint64_t)(then - now_ms) : 0;
    return true;
}

void
limits_time_text(uint64_t ms, char out[LIMITS_TIME_MAX])
{
    if (ms < 1000)
        snprintf(out, LIMITS_TIME_MAX, "%llu ms", (unsigned long long)ms);
    else if (ms < 60000)
        snprintf(out, LIMITS_TIME_MAX, "%llu.%llu s", (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
    else
        snprintf(out, LIMITS_TIME_MAX, "%llu min", (unsigned long long)((ms + 59999) / 60000));
}
