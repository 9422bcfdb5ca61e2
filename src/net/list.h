/* A doubly linked ring with a head of its own: whoever is in it can leave at any time. */
#ifndef NET_LIST_H
#define NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* LIST_OWNER(l, type, member): the struct whose ${member} is *${l}. */
#define LIST_OWNER(l, type, member) ((type *)(void *)((char *)(l) - offsetof(type, member)))

static inline void
list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool
list_empty(const struct list *l)
{
    return l->next == l;
}

/* list_add(head, l): at the end of the ring. */
static inline void
list_add(struct list *head, struct list *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

/* list_remove(l): from whatever ring it is in; harmless when it is in none. */
static inline void
list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

/* list_move(to, from): the whole ring of ${from} to the empty ${to}. */
static inline void
list_move(struct list *to, struct list *from)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

#endif
