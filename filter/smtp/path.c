/* SPDX-License-Identifier: ISC */
#include "filter/smtp/path.h"
