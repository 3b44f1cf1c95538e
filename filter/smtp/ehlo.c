/* SPDX-License-Identifier: ISC */
#include "filter/smtp/ehlo.h"
