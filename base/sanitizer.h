/*
 * sanitizer.h: which sanitizer this build has, said alike for gcc and clang.
 */
#ifndef CN_BASE_SANITIZER_H
#define CN_BASE_SANITIZER_H

#ifndef __has_feature
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define CN_ASAN 1
#else
#define CN_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define CN_TSAN 1
#else
#define CN_TSAN 0
#endif

/* These reserve terabytes of addresses, and read files to say what they found. */
#define CN_SANITIZED (CN_ASAN || CN_TSAN || __has_feature(memory_sanitizer))

#endif
