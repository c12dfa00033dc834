#include "dht/heartbeat/ledger.h"

#include "base/hash.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {
const NodeId kNode = sha256(as_bytes("a node"));
Instant at(int ms) { return Instant() + milliseconds(ms); }
}  // namespace

TEST_CASE("of a node that was never heard the ledger knows nothing") {
  Ledger ledger;
  EXPECT(ledger.heard(kNode) == Instant());
  EXPECT(ledger.boot_epoch(kNode) == 0);
  EXPECT(ledger.acknowledged(kNode) == Instant());
  EXPECT(ledger.promised_until(kNode) == Instant());
  EXPECT(ledger.size() == 0);
}

TEST_CASE("acknowledgements of an older life count for nothing in a new one") {
  Ledger ledger;
  EXPECT(ledger.hear(kNode, 3, at(1000)));
  ledger.acknowledge(kNode, 3, at(900));
  EXPECT(ledger.acknowledged(kNode) == at(900));
  EXPECT(ledger.hear(kNode, 4, at(2000)));
  EXPECT(ledger.acknowledged(kNode) == Instant());
  ledger.acknowledge(kNode, 3, at(1900));
  EXPECT(ledger.acknowledged(kNode) == Instant());
  EXPECT(!ledger.hear(kNode, 3, at(2500)));
  EXPECT(ledger.heard(kNode) == at(2000));
}

TEST_CASE("neither acknowledgements nor promises go back when answers overtake each other") {
  Ledger ledger;
  ledger.hear(kNode, 1, at(1000));
  ledger.acknowledge(kNode, 1, at(900));
  ledger.acknowledge(kNode, 1, at(600));
  EXPECT(ledger.acknowledged(kNode) == at(900));
  ledger.promise(kNode, at(1900));
  ledger.promise(kNode, at(1600));
  EXPECT(ledger.promised_until(kNode) == at(1900));
}

TEST_CASE("a promise outlives the life it was made to, and the node's silence") {
  Ledger ledger;
  ledger.hear(kNode, 1, at(1000));
  ledger.promise(kNode, at(1900));
  ledger.hear(kNode, 2, at(1100));
  EXPECT(ledger.promised_until(kNode) == at(1900));
  ledger.forget_silent(at(1500), at(1800));
  EXPECT(ledger.promised_until(kNode) == at(1900));
  ledger.forget_silent(at(1500), at(1900));
  EXPECT(ledger.size() == 0);
}
