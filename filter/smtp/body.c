/* SPDX-License-Identifier: ISC */
#include "filter/smtp/body.h"
