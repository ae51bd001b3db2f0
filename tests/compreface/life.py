"""Run by test_clients.py, with the client's packages alone: what its documentation shows, step by step."""

import json
import sys

sys.path.insert(0, sys.argv[1])

from compreface.collections import FaceCollection
from compreface.collections.face_collections import Subjects
from compreface.service import DetectionService, RecognitionService, VerificationService

from compreface import CompreFace

address, port, key, folder = sys.argv[2:]
grace, astronaut = f"{folder}/grace_hopper.jpg", f"{folder}/astronaut.png"

compre_face = CompreFace(
    address,
    port,
    {
        "limit": 0,
        "det_prob_threshold": 0.8,
        "prediction_count": 1,
        "face_plugins": "calculator,age,gender,landmarks",
        "status": "true",
    },
)
recognition: RecognitionService = compre_face.init_face_recognition(key)
verification: VerificationService = compre_face.init_face_verification(key)
detection: DetectionService = compre_face.init_face_detection(key)
collection: FaceCollection = recognition.get_face_collection()
subjects: Subjects = recognition.get_subjects()

said = {"added": subjects.add("Grace Hopper"), "subjects": subjects.list()}
example = collection.add(image_path=grace, subject="Grace Hopper")
said["faces"] = collection.list()
said["recognized"] = recognition.recognize(image_path=grace)
said["verified"] = collection.verify(image_path=grace, image_id=example["image_id"])
said["compared"] = verification.verify(source_image_path=grace, target_image_path=astronaut)
said["detected"] = detection.detect(image_path=astronaut)
said["renamed"] = subjects.update(subject="Grace Hopper", new_name="Rear Admiral Hopper")
said["deleted"] = collection.delete_all("Rear Admiral Hopper")
said["left"] = subjects.list()
sys.stdout.write(json.dumps(said))
