// Real numbers as text.
#pragma once

#include <string>

namespace beit {

// Returns a number in up to nine digits, as printf's "%.9g" does: "0.1", "3.40282347e+38". printf itself, with the long double that
// it computes in, would be a fiftieth of an artefact.
std::string realText(double value);

}  // namespace beit
