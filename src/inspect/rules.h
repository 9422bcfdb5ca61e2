/* Inside of src/inspect: rules as they were read, and what is compiled from them. */
#ifndef INSPECT_RULES_H
#define INSPECT_RULES_H

#include <hs/hs.h>

#include "inspect/inspect.h"
#include "inspect/regex.h"

#define RULES_MAX 2000u
#define RULES_STEPS_MAX 400000u /* of all programs together */
#define KEYWORDS_MAX 100u
#define ALLOWS_MAX 50u
#define ALLOW_REGEXES_MAX 200u
#define STOPWORDS_MAX 5000u
#define ID_MAX 64u

enum allow_target { ALLOW_SECRET, ALLOW_MATCH, ALLOW_LINE };

struct allow {
    struct regex **regexes;
    size_t n_regexes;
    struct bytes *stopwords; /* lower case */
    size_t n_stopwords;
    enum allow_target target;
    bool all; /* every given criterion must hold */
};

struct rule {
    const char *id;
    enum sighting_kind kind;
    struct regex *regex;
    unsigned group; /* 0: the first group that took part, or all */
    double entropy;
    struct bytes *keywords; /* lower case */
    size_t n_keywords;
    struct allow *allows;
    size_t n_allows;
    bool (*check)(struct bytes match); /* check digits; NULL: none */
    bool guess; /* tagged so: more often wrong than others */
    struct found_do act;
    size_t reach; /* how far before a sighting of vectorscan a match may begin */
    bool join;    /* also looked for across pieces */
    const char *file;
    int line;
};

/* What vectorscan made of the rules' texts. Shared between estates with the same rules. */
struct compiled {
    int refs;
    hs_database_t *db;
    uint64_t serial; /* of no other, at any time */
    struct buf key; /* all texts, in order */
};

struct inspect {
    int refs;
    struct arena a;
    struct inspection_settings settings; /* its lists are not used after making */
    struct rule *rules;
    size_t n_rules, cap;
    struct allow *allows; /* global */
    size_t n_allows, cap_allows;
    const char **off; /* ids that [extend] disables */
    size_t n_off;
    size_t steps;
    struct compiled *compiled;
    inspect_note *note;
    void *note_ctx;
    size_t errors;
};

/* A problem with one rule or file. */
void rules_note(struct inspect *in, enum finding_level level, const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* rules_read(in, file, text): add the rules of one TOML file; ${builtin}: they are ours. E_MEMORY only; all else is noted. */
struct err rules_read(struct inspect *in, const char *file, struct bytes text, bool builtin) MUST_USE;
/* rules_class(in, c): a declared class as a rule. */
struct err rules_class(struct inspect *in, const struct data_class *c) MUST_USE;
struct err rules_add(struct inspect *in, const struct rule *r) MUST_USE;
struct rule *rules_find(const struct inspect *in, struct bytes id);

/* Room of one thread. */
struct found { /* a range of the view */
    size_t from, to;
    uint32_t rule; /* index, or RULE_SEALED + index of the value */
    enum sighting_how how;
    enum found_action action;
};
#define RULE_SEALED 0x40000000u
#define RULE_BINARY 0x7fffffffu

/* rule_hit(…): is this match a finding? The entropy, the keywords, the allowlists, the check digits. ${text}: all of what it stands in. */
struct hit {
    size_t from, to; /* the secret in it */
};
bool rule_hit(const struct inspect *in, const struct rule *r, struct regex_room *room, struct bytes text, const struct regex_match *m,
              uint64_t *budget, struct hit *out);

struct bytes inspect_builtin(void); /* builtin.toml */

/* sealed.c: fn for each place of a value in ${text}. False: without memory, for them now or for a value when it came; nothing was looked for. */
bool sealed_search(const struct sealed *s, struct bytes text, void (*fn)(size_t from, size_t to, size_t value, void *ctx), void *ctx);
const char *sealed_value_name(const struct sealed *s, size_t value);

#endif
