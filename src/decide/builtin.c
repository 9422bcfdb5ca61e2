#include "decide/decide.h"

extern const unsigned char builtin_policies[]; /* made from builtin.cedar by embed.py */
extern const size_t builtin_policies_size;

struct bytes
decide_builtin(void)
{
    return bytes_make(builtin_policies, builtin_policies_size);
}
