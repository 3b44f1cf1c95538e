/* SPDX-License-Identifier: ISC */
#include "filter/smtp/command.h"
