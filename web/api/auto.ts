/**
 * The names under which transformers opens a checkpoint of any family. There is one family here (Data2VecVision's classes are
 * BEiT's), so each is that family's class; what a checkpoint is for, inspect() tells.
 */
import { BeitConfig } from './config.js';
import { BeitImageProcessor } from './image-processor.js';
import { BeitBackbone, BeitForImageClassification, BeitForMaskedImageModeling, BeitForSemanticSegmentation, BeitModel } from './models.js';

export const AutoConfig = BeitConfig;
export type AutoConfig = BeitConfig;
export const AutoImageProcessor = BeitImageProcessor;
export type AutoImageProcessor = BeitImageProcessor;
export const AutoModel = BeitModel;
export type AutoModel = BeitModel;
export const AutoBackbone = BeitBackbone;
export type AutoBackbone = BeitBackbone;
export const AutoModelForImageClassification = BeitForImageClassification;
export type AutoModelForImageClassification = BeitForImageClassification;
export const AutoModelForMaskedImageModeling = BeitForMaskedImageModeling;
export type AutoModelForMaskedImageModeling = BeitForMaskedImageModeling;
export const AutoModelForSemanticSegmentation = BeitForSemanticSegmentation;
export type AutoModelForSemanticSegmentation = BeitForSemanticSegmentation;
