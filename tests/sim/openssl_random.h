// OpenSSL draws from the seed while a world exists on this thread, from the system otherwise.
#pragma once

namespace vortex::sim {

// Once is enough; further calls change nothing.
void use_simulated_randomness();

}  // namespace vortex::sim
