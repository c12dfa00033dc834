#include "tests/sim/openssl_random.h"

#include <openssl/rand.h>

#include "base/check.h"
#include "tests/sim/world.h"

// The method table is how OpenSSL 3 still lets the whole library's randomness be replaced; it is marked as old.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace vortex::sim {

namespace {
int draw(unsigned char* out, int size) {
  World* world = World::current();
  if (!world) return RAND_OpenSSL()->bytes(out, size);
  world->secrets().fill(MutableBytes(out, static_cast<std::size_t>(size)));
  return 1;
}
int ready() { return 1; }

RAND_METHOD method_of_the_seed() {
  RAND_METHOD method = *RAND_OpenSSL();
  method.bytes = draw;
  method.pseudorand = draw;
  method.status = ready;
  return method;
}
}  // namespace

void use_simulated_randomness() {
  static const RAND_METHOD method = method_of_the_seed();
  static const bool installed = RAND_set_rand_method(&method) == 1;
  CHECK(installed);
}

}  // namespace vortex::sim
