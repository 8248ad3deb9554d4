// What the socket code needs beyond the Glibc module.
#pragma once
