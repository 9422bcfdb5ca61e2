#include "inspect/rules.h"

extern const unsigned char builtin_rules[];
extern const size_t builtin_rules_size;

struct bytes
inspect_builtin(void)
{
    return bytes_make(builtin_rules, builtin_rules_size);
}
