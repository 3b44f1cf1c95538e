/* SPDX-License-Identifier: ISC */
#include "filter/smtp/reply.h"
