#include "dht/records_client/port.h"

namespace vortex::dht {

bool nothing_happened(Code code) {
  switch (code) {
    case Code::busy:
    case Code::unreachable:
    case Code::not_leader:
    case Code::not_found:
    case Code::invalid_argument:
    case Code::too_large:
    case Code::metadata_full:
    case Code::no_space:
    case Code::unsupported_version:
    case Code::unknown_method:
    case Code::unauthenticated:
    case Code::permission_denied:
    case Code::wrong_cluster:
    case Code::expired:
      return true;
    default:
      return false;
  }
}

bool passing(Code code) {
  switch (code) {
    case Code::busy:
    case Code::unreachable:
    case Code::not_leader:
    case Code::not_found:
    case Code::timed_out:
    case Code::closed:
    case Code::outcome_unknown:
      return true;
    default:
      return false;
  }
}

}  // namespace vortex::dht
