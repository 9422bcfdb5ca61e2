/* Taking from the signer's process everything it does not need. Each step stands alone; the caller gives the order. */
#ifndef KEYS_HARDEN_H
#define KEYS_HARDEN_H

#include <sys/types.h>

#include "base/err.h"

/* Is this a build with a sanitizer that needs a free hand in its process? */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HARDEN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HARDEN_SANITIZED 1
#endif
#endif
#ifndef HARDEN_SANITIZED
#define HARDEN_SANITIZED 0
#endif
/* harden_die_with(parent): end when the process ${parent} ends, however it ends. Not when only the thread that started us does. */
struct err harden_die_with(pid_t parent) MUST_USE;
/* harden_no_dumps(): no core dump, and /proc/PID/mem, ptrace and the like closed to other processes of the same user. */
struct err harden_no_dumps(void) MUST_USE;
struct err harden_no_new_privileges(void) MUST_USE;
/* harden_close_from(fd): close ${fd} and all above it. */
struct err harden_close_from(int fd) MUST_USE;
/* harden_lock_memory(): keep pages that are used out of swap, where the limits allow it. */
void harden_lock_memory(void);
/* harden_only_folder(fd): no files but those of the folder ${fd}, by Landlock, where the kernel has it. */
void harden_only_folder(int fd);
/* harden_only_syscalls(): from now on the system calls of the table in harden.c; any other one kills the process. */
struct err harden_only_syscalls(void) MUST_USE;

#endif
