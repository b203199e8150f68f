#pragma once

namespace seqpe {

/// The version of the engine, for example "0.1.0".
const char* version();

}  // namespace seqpe
