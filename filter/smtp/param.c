/* SPDX-License-Identifier: ISC */
#include "filter/smtp/param.h"
