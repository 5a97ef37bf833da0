/*
 * poison.h: memory that nobody may touch now, marked so for AddressSanitizer.
 *
 * Empty without it. Poisoned memory must be unpoisoned before it goes back to malloc or to the
 * system.
 */
#ifndef CN_BASE_POISON_H
#define CN_BASE_POISON_H

#include "base/sanitizer.h"

#if CN_ASAN
#include <sanitizer/asan_interface.h>
#define cn_poison(start, size) ASAN_POISON_MEMORY_REGION((start), (size))
#define cn_unpoison(start, size) ASAN_UNPOISON_MEMORY_REGION((start), (size))
#else
#define cn_poison(start, size) ((void)(start), (void)(size))
#define cn_unpoison(start, size) ((void)(start), (void)(size))
#endif

#endif
