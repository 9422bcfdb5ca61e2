/* Declared classes of data: their expressions, and check digits where there are any. */
#include "inspect/rules.h"

#include "keys/own_token.h"

/* Digits (and for ${letters} letters too) of ${b}, without spaces, dashes and dots; SIZE_MAX when there are more than ${max} or others. */
static size_t
squeeze(struct bytes b, uint8_t *out, size_t max, bool letters)
{
    size_t n = 0;
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.at[i], l = c | 0x20;
        if (c == ' ' || c == '-' || c == '.' || c == '/')
            continue;
        bool letter = letters && l >= 'a' && l <= 'z';
        if ((!letter && !(c >= '0' && c <= '9')) || n == max)
            return SIZE_MAX;
        out[n++] = letter ? l & 0xdf : c;
    }
    return n;
}

static bool
all_same(const uint8_t *d, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (d[i] != d[0])
            return false;
    return true;
}

/* ISO 13616: country and check digits to the end, letters as 10 to 35, the whole modulo 97 is 1. */
static bool
iban_ok(struct bytes b)
{
    uint8_t d[34];
    size_t n = squeeze(b, d, sizeof d, true);
    unsigned rest = 0;
    if (n == SIZE_MAX || n < 15)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = d[(i + 4) % n];
        rest = c >= 'A' ? (rest * 100 + (unsigned)(c - 'A' + 10)) % 97 : (rest * 10 + (unsigned)(c - '0')) % 97;
    }
    return rest == 1;
}

/* ISO/IEC 7812: Luhn's sum, and the first digit of a payment card. */
static bool
card_ok(struct bytes b)
{
    uint8_t d[19];
    size_t n = squeeze(b, d, sizeof d, false);
    unsigned sum = 0;
    if (n == SIZE_MAX || n < 13 || d[0] < '2' || d[0] > '6' || all_same(d, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned v = (unsigned)(d[n - 1 - i] - '0');
        sum += i % 2 ? (v * 2 > 9 ? v * 2 - 9 : v * 2) : v;
    }
    return sum % 10 == 0;
}

static unsigned
number(const uint8_t *d, size_t n)
{
    unsigned v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned)(d[i] - '0');
    return v;
}

static bool
ssn_ok(struct bytes b)
{
    uint8_t d[9];
    if (squeeze(b, d, sizeof d, false) != 9)
        return false;
    unsigned area = number(d, 3);
    return area != 0 && area != 666 && area < 900 && number(d + 3, 2) != 0 && number(d + 5, 4) != 0;
}

/* ISO 7064 MOD 11,10; of the first ten digits exactly one stands two or three times. */
static bool
de_tax_ok(struct bytes b)
{
    uint8_t d[11];
    unsigned counts[10] = {0}, several = 0, product = 10;
    if (squeeze(b, d, sizeof d, false) != 11 || d[0] == '0')
        return false;
    for (size_t i = 0; i < 10; i++) {
        unsigned sum = ((unsigned)(d[i] - '0') + product) % 10;
        product = (sum ? sum : 10) * 2 % 11;
        counts[d[i] - '0']++;
    }
    for (size_t i = 0; i < 10; i++) {
        several += counts[i] > 1;
        if (counts[i] > 3)
            return false;
    }
    return several == 1 && (11 - product) % 10 == (unsigned)(d[10] - '0');
}

/* The number of the first 13 characters and the key add up to a multiple of 97; Corsica's 2A and 2B count as 19 and 18. */
static bool
nir_ok(struct bytes b)
{
    uint8_t d[15];
    uint64_t v = 0;
    if (squeeze(b, d, sizeof d, true) != 15)
        return false;
    if (d[5] == '2' && (d[6] == 'A' || d[6] == 'B')) {
        d[6] = d[6] == 'A' ? '9' : '8';
        d[5] = '1';
    }
    for (size_t i = 0; i < 13; i++) {
        if (d[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(d[i] - '0');
    }
    return d[13] <= '9' && d[14] <= '9' && 97 - v % 97 == number(d + 13, 2);
}

static bool
dni_ok(struct bytes b)
{
    static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
    uint8_t d[9];
    if (squeeze(b, d, sizeof d, true) != 9)
        return false;
    if (d[0] >= 'X' && d[0] <= 'Z')
        d[0] = (uint8_t)('0' + d[0] - 'X');
    for (size_t i = 0; i < 8; i++)
        if (d[i] > '9')
            return false;
    return letters[number(d, 8) % 23] == (char)d[8];
}

static bool
bsn_ok(struct bytes b)
{
    uint8_t d[9];
    int sum = 0;
    if (squeeze(b, d, sizeof d, false) != 9 || all_same(d, 9))
        return false;
    for (int i = 0; i < 9; i++)
        sum += (d[i] - '0') * (i < 8 ? 9 - i : -1);
    return sum % 11 == 0;
}

/* Weights 1 3 7 9; the month may carry the century (20, 40, 60, 80 added). */
static bool
pesel_ok(struct bytes b)
{
    static const int weights[] = {1, 3, 7, 9};
    uint8_t d[11];
    int sum = 0;
    if (squeeze(b, d, sizeof d, false) != 11 || all_same(d, 11))
        return false;
    for (int i = 0; i < 10; i++)
        sum += (d[i] - '0') * weights[i % 4];
    unsigned month = number(d + 2, 2) % 20, day = number(d + 4, 2);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && (10 - sum % 10) % 10 == d[10] - '0';
}

static const struct form {
    const char *regex;
    bool (*check)(struct bytes);
} forms[] = {
    [CLASS_IBAN] = {"(?i)\\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?\\b", iban_ok},
    [CLASS_CARD] = {"\\b[2-6](?:[ -]?[0-9]){12,18}\\b", card_ok},
    [CLASS_EMAIL] = {"(?i)\\b[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,62})\\.){1,8}[a-z]{2,24}\\b", NULL},
    [CLASS_PHONE] = {"(?:\\+|\\b00)[1-9][0-9]{0,2}(?:[ .()/-]{0,2}[0-9]){6,12}\\b", NULL},
    [CLASS_US_SSN] = {"\\b[0-9]{3}-[0-9]{2}-[0-9]{4}\\b", ssn_ok},
    [CLASS_UK_NINO] = {"(?i)\\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\\b", NULL},
    [CLASS_DE_TAX_ID] = {"\\b[1-9](?:[ /]?[0-9]){10}\\b", de_tax_ok},
    [CLASS_FR_NIR] = {"(?i)\\b[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\\b", nir_ok},
    [CLASS_ES_DNI] = {"(?i)\\b[XYZ0-9][ -]?[0-9]{7}[ -]?[A-Z]\\b", dni_ok},
    [CLASS_NL_BSN] = {"\\b[0-9]{4}[ .]?[0-9]{2}[ .]?[0-9]{3}\\b", bsn_ok},
    [CLASS_PL_PESEL] = {"\\b[0-9]{11}\\b", pesel_ok},
};

/* Words as an expression: each as it stands, blanks between them as any blanks, not inside of longer words. */
static void
put_words(struct buf *b, const struct data_class *c)
{
    buf_puts(b, c->ignore_case ? "(?i)(?:" : "(?:");
    for (const char **w = c->words; *w; w++) {
        struct bytes word = bytes_trim(bytes_str(*w));
        buf_puts(b, w == c->words ? "" : "|");
        if (word.at[0] < 0x80)
            buf_puts(b, strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", word.at[0]) ? "\\b" : "");
        for (size_t i = 0; i < word.n; i++) {
            uint8_t ch = word.at[i];
            if (ch == ' ') {
                buf_puts(b, "\\s+");
                while (i + 1 < word.n && word.at[i + 1] == ' ')
                    i++;
            } else if (ch >= 0x80 || (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z')) {
                buf_putc(b, ch);
            } else {
                buf_printf(b, "\\x%02x", ch);
            }
        }
        uint8_t last = word.at[word.n - 1];
        if (last < 0x80)
            buf_puts(b, strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", last) ? "\\b" : "");
    }
    buf_putc(b, ')');
}

struct err
rules_class(struct inspect *in, const struct data_class *c)
{
    struct rule r = {.kind = SIGHT_CLASS, .act = c->act, .file = c->place.file, .line = c->place.line};
    struct buf b = buf_make(REGEX_MAX_BYTES * 4);
    if (c->kind == CLASS_WORDS)
        put_words(&b, c);
    else
        buf_puts(&b, c->kind == CLASS_REGEX ? c->regex : forms[c->kind].regex);
    struct err e = b.failed ? err_make(E_LIMIT, "too many words") : regex_parse(&in->a, buf_bytes(&b), &r.regex);
    buf_free(&b);
    if (e.code == E_MEMORY)
        return e;
    if (!err_failed(e) && regex_min_bytes(r.regex) == 0)
        e = err_make(E_USAGE, "the expression matches the empty text");
    if (err_failed(e)) {
        rules_note(in, FINDING_ERROR, r.file, r.line, "class %s: %s", c->id, e.text);
        return err_ok();
    }
    r.check = c->kind == CLASS_REGEX || c->kind == CLASS_WORDS ? NULL : forms[c->kind].check;
    r.id = arena_str(&in->a, bytes_str(c->id));
    if (r.id == NULL)
        return err_make(E_MEMORY, "no memory for rules");
    if (rules_find(in, bytes_str(r.id))) {
        rules_note(in, FINDING_ERROR, r.file, r.line, "class %s: a rule has this id; call it otherwise", r.id);
        return err_ok();
    }
    return rules_add(in, &r);
}
