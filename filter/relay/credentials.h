/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Credentials: the names and passwords that SASL carries
 *
 * PLAIN (RFC 4616) and LOGIN (no RFC; everybody's), as they stand in AUTH and in responses.
 *
 * Callers: proxy/relay/auth, cli/auth.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"

#define CREDENTIAL_USER_MAX     255
#define CREDENTIAL_PASSWORD_MAX 511 /* crypt(3) takes no more */

/* Adds what base64 says. False: it is none, as RFC 4648 4 has it, with nothing left out or over, or
 * it does not fit. "=" is an empty response (RFC 4954 4). */
bool credential_decode(struct out *o, struct span base64);

/* Text that may be a user's name: UTF-8 without controls (RFC 4616 2), neither empty nor too long.
 */
bool credential_is_user(struct span user);
/* Not empty, not too long, no NUL. */
bool credential_is_password(struct span password);

/* The message of PLAIN, decoded. False: malformed, or it asks to act for somebody else, which
 * nobody may. @userp, @passwordp: into @message. */
bool credential_plain(struct span message, struct span *userp, struct span *passwordp);
