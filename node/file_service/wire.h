// Between what travels (net/messages/files.h) and what it stands for.
#pragma once

#include "net/messages/files.h"
#include "node/files/upload.h"
#include "node/namespace/change.h"

namespace vortex::node {

inline net::ChangeTerms terms_of(const Change& change) {
  net::ChangeTerms terms;
  terms.absent = change.only_if.absent;
  terms.version = change.only_if.version;
  terms.etag = change.only_if.etag;
  terms.operation = change.operation;
  terms.settled = change.settled;
  terms.again = change.again;
  return terms;
}

inline Change change_of(net::ChangeTerms terms, Duration timeout) {
  Change change;
  change.timeout = timeout;
  change.only_if.absent = terms.absent;
  change.only_if.version = terms.version;
  change.only_if.etag = terms.etag;
  change.operation = terms.operation;
  change.settled = std::move(terms.settled);
  change.again = terms.again;
  return change;
}

inline net::UploadId upload_id(const UploadName& upload) {
  net::UploadId id;
  id.place = upload.place;
  id.id = upload.id;
  return id;
}
inline UploadName upload_name(const net::UploadId& id) {
  UploadName upload;
  upload.place = id.place;
  upload.id = id.id;
  return upload;
}

}  // namespace vortex::node
