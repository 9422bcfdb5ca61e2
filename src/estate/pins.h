/*
 * Reading a pin file into a destination. Inside the estate room.
 */
#ifndef ESTATE_PINS_H
#define ESTATE_PINS_H

#include "estate/load.h"

/* pin_load(l, f, d): fill the tools of ${d} from pins/NAME.json, or a finding; every effect is an unconfirmed write until confirmed. */
void pin_load(struct loader *l, const struct file *f, struct destination *d);

#endif
