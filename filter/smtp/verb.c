/* SPDX-License-Identifier: ISC */
#include "filter/smtp/verb.h"
