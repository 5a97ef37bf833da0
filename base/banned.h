/*
 * banned.h: functions that nobody should call, made compile errors. Forced into every file by the
 * Makefile (-include), after the system headers that declare them.
 */
#ifndef CN_BASE_BANNED_H
#define CN_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atof
#pragma GCC poison gmtime localtime ctime asctime

#endif
