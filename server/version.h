/*
 * version.h: the version of the program, in one place.
 */
#ifndef CN_SERVER_VERSION_H
#define CN_SERVER_VERSION_H

#define CN_VERSION "0.1.0"

#endif
