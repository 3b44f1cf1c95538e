/* SPDX-License-Identifier: ISC */
#include "filter/smtp/line.h"
