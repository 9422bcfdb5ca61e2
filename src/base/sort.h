/* Sorting in place: unlike qsort it never takes memory, and no order makes it slow. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

/* sort_in_place(list, n, size, compare): Heapsort of ${n} pieces of ${size} bytes, at most SORT_SIZE_MAX; ${compare} as for qsort. Not stable. */
#define SORT_SIZE_MAX 64u
void sort_in_place(void *list, size_t n, size_t size, int (*compare)(const void *, const void *));

#endif
