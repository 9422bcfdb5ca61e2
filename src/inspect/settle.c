/*
 * After the rules are compiled: the compiler's code and the heap it worked in are not needed until rules change, and are a quarter of what the
 * process holds. The heap's free pages go back; the code comes back from its file page by page where the matcher needs it.
 */
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/rules.h"

static bool
holds(const struct dl_phdr_info *of, const ElfW(Phdr) * h, uintptr_t at)
{
    uintptr_t from = (uintptr_t)of->dlpi_addr + h->p_vaddr;
    return h->p_type == PT_LOAD && at >= from && at - from < h->p_memsz;
}

/* Only code is given back: it was never written to. */
static int
give_back_code(struct dl_phdr_info *of, size_t size, void *ctx)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    for (size_t i = 0; i < of->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &of->dlpi_phdr[i];
        uintptr_t from = ((uintptr_t)of->dlpi_addr + h->p_vaddr) & ~(page - 1);
        if (!holds(of, h, (uintptr_t)ctx))
            continue;
        if ((h->p_flags & (PF_X | PF_W)) == PF_X)
            madvise((void *)from, ((uintptr_t)of->dlpi_addr + h->p_vaddr + h->p_memsz) - from, MADV_DONTNEED);
        return 1;
    }
    return 0;
}

void
inspect_settle(void)
{
    dl_iterate_phdr(give_back_code, (void *)(uintptr_t)&hs_compile_multi);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
